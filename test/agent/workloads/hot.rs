// A generic function in a module: its symbol is mangled the Rust way.
mod shop {
    #[inline(never)]
    pub fn hot_rust<T: Copy + std::ops::Add<Output = T>>(step: T, mut into: T, rounds: u64) -> T {
        for _ in 0..rounds {
            into = std::hint::black_box(into + step);
        }
        into
    }
}

fn main() {
    let mut kept = 1.0f64;
    loop {
        kept = std::hint::black_box(shop::hot_rust(0.5, kept, 100_000));
    }
}
