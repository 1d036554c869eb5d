/**
 * A method that works behind its last call: C1 records no place there. Runs for args[0] seconds.
 */
public class Tail {
    static volatile double sink;

    public static void main(String[] args) {
        turns(1_000_000_000L);   // until it is compiled
        System.out.println("ready");
        turns(Long.parseLong(args[0]) * 1_000_000_000L);
    }

    static void turns(long nanoseconds) {
        long end = System.nanoTime() + nanoseconds;
        while (System.nanoTime() < end) {
            for (int i = 0; i < 1000; i++) {
                sink += tail(i);
            }
        }
    }

    static double seed(int i) {
        return Math.abs(sink) % 7 + i + 2;
    }

    static double tail(int i) {
        double x = seed(i);
        double y = x / 3.1 + Math.sqrt(x);
        double z = y / 1.7 + Math.sqrt(x + y);
        x = z / 2.3 + Math.sqrt(y + z);
        y = x / 1.9 + Math.sqrt(z + x);
        z = y / 2.9 + Math.sqrt(x + y);
        x = z / 1.3 + Math.sqrt(y + z);
        y = x / 3.7 + Math.sqrt(z + x);
        z = y / 2.1 + Math.sqrt(x + y);
        return x / z + y;
    }
}
