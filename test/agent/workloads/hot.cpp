// A method of a template in a namespace: its symbol is mangled.
#include <vector>

namespace shop {
template <typename T>
struct Cart {
  std::vector<T> items = std::vector<T>(4096, 1);
  [[gnu::noinline]] void total_cpp(T& into) const {
    for (int round = 0; round < 100; round++)
      for (const T& item : items) into += item * into;
  }
};
}  // namespace shop

int main() {
  shop::Cart<unsigned long> cart;
  volatile unsigned long kept = 1;
  for (;;) {
    unsigned long sum = kept;
    cart.total_cpp(sum);
    kept = sum;
  }
}
