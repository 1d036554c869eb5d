// A known truth: 60 / 30 / 10 % of the time in three functions, 40 calls deep.
use std::hint::black_box;

// Each begins with what the last came to: else a processor would do a part of one while it waits for the other.
fn rounds(mut x: u64, count: u32) -> u64 {
    for _ in 0..count {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    }
    black_box(x)
}

#[inline(never)]
fn sixty(x: u64) -> u64 { rounds(x, 6000) }
#[inline(never)]
fn thirty(x: u64) -> u64 { rounds(x, 3000) }
#[inline(never)]
fn ten(x: u64) -> u64 { rounds(x, 1000) }

#[inline(never)]
fn descend(depth: u32) -> u64 {
    if depth > 0 {
        return black_box(descend(depth - 1)) + 1;
    }
    let mut x = 1u64;
    for _ in 0..50 {
        x = ten(thirty(sixty(x)));
    }
    x
}

fn main() {
    println!("ready");
    loop {
        black_box(descend(40));
    }
}
