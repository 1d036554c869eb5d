import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * Classes come and go while they run: copies of Unload$T000000 under other names, each in a loader of its own, each run
 * until it is compiled. A true stack has one number in all its T frames: outer000042 of T000042 calls inner000042.
 */
public class Unload {
    public static volatile long sink;

    public static class T000000 implements Runnable {
        public void run() {
            outer000000();
        }

        static void outer000000() {
            long x = 1;
            for (int i = 0; i < 40; i++) x += inner000000(x, i);
            sink = x;
        }

        static long inner000000(long x, int n) {
            for (int i = 0; i < 200; i++) x = x * 31 + (i ^ n);
            return x;
        }
    }

    static final class Loader extends ClassLoader {
        Class<?> define(byte[] bytes) {
            return defineClass(null, bytes, 0, bytes.length);
        }
    }

    static byte[] renamed(byte[] template, int number) {
        byte[] from = "000000".getBytes(StandardCharsets.US_ASCII);
        byte[] to = String.format("%06d", number).getBytes(StandardCharsets.US_ASCII);
        byte[] out = template.clone();
        for (int i = 0; i + from.length <= out.length; i++) {
            boolean same = true;
            for (int k = 0; k < from.length && same; k++) same = template[i + k] == from[k];
            if (same) System.arraycopy(to, 0, out, i, to.length);
        }
        return out;
    }

    public static void main(String[] args) throws Exception {
        long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (InputStream in = Unload.class.getResourceAsStream("Unload$T000000.class")) {
            byte[] block = new byte[4096];
            for (int n; (n = in.read(block)) > 0;) bytes.write(block, 0, n);
        }
        byte[] template = bytes.toByteArray();
        System.out.println("ready");
        for (int number = 1; System.nanoTime() < end; number++) {
            Runnable work = (Runnable) new Loader().define(renamed(template, number)).getDeclaredConstructor().newInstance();
            long stop = System.nanoTime() + 15_000_000L;
            while (System.nanoTime() < stop) work.run();
            if (number % 20 == 0) System.gc();
        }
    }
}
