// A known truth: 60 / 30 / 10 % of the time in three functions, 40 calls deep.
use std::hint::black_box;

fn rounds(count: u32) -> u64 {
    let mut x: u64 = black_box(1);
    for _ in 0..count {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    }
    black_box(x)
}

#[inline(never)]
fn sixty() -> u64 { rounds(6000) }
#[inline(never)]
fn thirty() -> u64 { rounds(3000) }
#[inline(never)]
fn ten() -> u64 { rounds(1000) }

#[inline(never)]
fn descend(depth: u32) -> u64 {
    if depth > 0 {
        return black_box(descend(depth - 1)) + 1;
    }
    let mut sum = 0u64;
    for _ in 0..50 {
        sum = sum.wrapping_add(sixty()).wrapping_add(thirty()).wrapping_add(ten());
    }
    sum
}

fn main() {
    println!("ready");
    loop {
        black_box(descend(40));
    }
}
