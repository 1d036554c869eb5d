/** 60, 30 and 10 % of the work, by counted rounds, 20 calls deep: true however slow or often interrupted the machine is. Run with
 * rounds() never inlined: one piece of code for all three, however the others are compiled. */
public class Rounds {
    static long sink = 1;

    static void rounds(int count) {
        long x = sink;
        for (long i = 0; i < count * 20L; i++) x = x * 6364136223846793005L + 1442695040888963407L;
        sink = x;
    }

    static void sixty() { rounds(6000); }

    static void thirty() { rounds(3000); }

    static void ten() { rounds(1000); }

    static void descend(int depth) {
        if (depth > 0) {
            descend(depth - 1);
            sink++;
            return;
        }
        sixty();
        thirty();
        ten();
    }

    static void run() {
        long end = System.nanoTime() + 2_000_000_000L;
        do descend(20); while (System.nanoTime() < end);
    }

    public static void main(String[] args) {
        java.lang.management.CompilationMXBean compiler = java.lang.management.ManagementFactory.getCompilationMXBean();
        boolean ready = false;
        while (true) {
            long spent = compiler.getTotalCompilationTime();
            run();
            if (!ready && compiler.getTotalCompilationTime() == spent) {   // it is compiled for good
                System.out.println("ready");
                ready = true;
            }
        }
    }
}
