/** args[1] threads wait each in a stack of its own depth, two run. Runs for args[0] seconds. */
public class ManyThreads {
    static volatile long sink;
    static final Object never = new Object();

    static void descend(int depth) throws InterruptedException {
        if (depth > 0) {
            descend(depth - 1);
            return;
        }
        synchronized (never) {
            never.wait();
        }
    }

    static void busy() {
        long x = 1;
        while (true) {
            for (int i = 0; i < 100_000; i++) x = x * 31 + i;
            sink = x;
        }
    }

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[1]);
        for (int i = 0; i < count; i++) {
            int depth = i % 50;
            Thread thread = new Thread(null, () -> {
                try {
                    descend(depth);
                } catch (InterruptedException e) {
                    return;
                }
            }, "a-waiting-thread-number-" + i, 256 * 1024);
            thread.setDaemon(true);
            thread.start();
        }
        for (int i = 0; i < 2; i++) {
            Thread thread = new Thread(ManyThreads::busy, "a-busy-thread-number-" + i);
            thread.setDaemon(true);
            thread.start();
        }
        System.out.println("ready");
        Thread.sleep(Long.parseLong(args[0]) * 1000L);
    }
}
