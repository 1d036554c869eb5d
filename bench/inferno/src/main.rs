//! Renders a folded file with inferno as a library, and prints how long it took: inferno_bench [--reverse] ROUNDS FILE [OUT]
use std::{env, fs, time::Instant};

use inferno::flamegraph::{from_reader, Options};

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
        let start = Instant::now();
        let mut options = Options::default();
        options.reverse_stack_order = reverse;
        svg = Vec::with_capacity(1 << 20);
        from_reader(&mut options, &text[..], &mut svg).expect("inferno");
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    println!("{{\"ms\":{:.3},\"bytes\":{},\"peak_kb\":{}}}", best, svg.len(), usage.ru_maxrss);
    if let Some(out) = args.get(2) {
        fs::write(out, &svg).expect("out");
    }
}
