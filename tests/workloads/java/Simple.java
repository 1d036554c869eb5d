/**
 * A known split of time: hot 60 %, warm 30 %, cool 10 % of work units, on one thread. Runs for args[0] seconds. How a
 * compiler treats the three differs from run to run, so it says a few times a second what each took: nanoseconds so far.
 */
public class Simple {
    static volatile long sink;
    static final long[] took = new long[3];

    public static void main(String[] args) {
        run(1_500_000_000L);   // until it is compiled for good: the split holds from then on
        System.out.println("ready");
        long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
        while (System.nanoTime() < end) {
            run(200_000_000L);
            System.out.println("took " + took[0] + " " + took[1] + " " + took[2]);
        }
    }

    static void run(long nanoseconds) {
        long end = System.nanoTime() + nanoseconds;
        while (System.nanoTime() < end) {
            step();
        }
    }

    static void step() {
        long start = System.nanoTime();
        hot();
        long hot = System.nanoTime();
        warm();
        long warm = System.nanoTime();
        cool();
        long cool = System.nanoTime();
        took[0] += hot - start;
        took[1] += warm - hot;
        took[2] += cool - warm;
    }

    static void hot() {
        sink += spin(6);
    }

    static void warm() {
        sink += spin(3);
    }

    static void cool() {
        sink += spin(1);
    }

    static long spin(int units) {
        long x = units;
        for (long i = 0; i < units * 20_000; i++) {  // of int, it would hold no debug point where JDK 8 compiles it
            x = mix(x, (int) i);
        }
        return x;
    }

    static long mix(long x, int i) {
        x ^= x << 13;
        x ^= x >>> 7;
        return (x ^ (x << 17)) + i;
    }
}
