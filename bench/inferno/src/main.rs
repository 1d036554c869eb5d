//! Renders a folded file with inferno as a library, and prints how long it took: inferno_bench [--reverse] ROUNDS FILE [OUT]
use std::{env, fs};

use inferno::flamegraph::{from_reader, Options};

/// CPU time of this thread in milliseconds: other programs on the machine do not count.
fn now() -> f64 {
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn main() {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let reverse = args.first().map(String::as_str) == Some("--reverse");
    if reverse {
        args.remove(0);
    }
    let rounds: u32 = args[0].parse().expect("rounds");
    let text = fs::read(&args[1]).expect("file");
    let (mut best, mut svg) = (f64::MAX, Vec::new());
    for _ in 0..rounds {
        let start = now();
        let mut options = Options::default();
        options.reverse_stack_order = reverse;
        svg = Vec::with_capacity(1 << 20);
        from_reader(&mut options, &text[..], &mut svg).expect("inferno");
        best = best.min(now() - start);
    }
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    println!("{{\"ms\":{:.3},\"bytes\":{},\"peak_kb\":{}}}", best, svg.len(), usage.ru_maxrss);
    if let Some(out) = args.get(2) {
        fs::write(out, &svg).expect("out");
    }
}
