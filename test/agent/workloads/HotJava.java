/** Burns CPU in one method that the compiler optimizes. */
public class HotJava {
  static long sink = 1;

  static long hotJava(int rounds) {
    long sum = sink;
    for (int i = 0; i < rounds; i++) sum = (sum * 31 + i) % 1000003;
    return sum;
  }

  public static void main(String[] arguments) {
    for (;;) sink = hotJava(1_000_000);
  }
}
