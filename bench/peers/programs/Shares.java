import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

/** 60, 30 and 10 % of the work in three methods; counts in the file $COUNTER. */
public class Shares {
    static volatile long sink;

    public static void main(String[] args) throws Exception {
        MappedByteBuffer counter;
        try (RandomAccessFile file = new RandomAccessFile(System.getenv("COUNTER"), "rw")) {
            counter = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 4096);
        }
        long warm = System.nanoTime() + 2_000_000_000L, steps = 0;
        while (System.nanoTime() < warm) step();   // until it is compiled for good
        System.out.println("ready");
        while (true) {
            step();
            counter.putLong(0, Long.reverseBytes(++steps));
        }
    }

    static void step() {
        sixty();
        thirty();
        ten();
    }

    static void sixty() { sink += spin(6); }

    static void thirty() { sink += spin(3); }

    static void ten() { sink += spin(1); }

    static long spin(int units) {
        long x = units;
        for (long i = 0; i < units * 20_000L; i++) {
            x ^= x << 13;
            x ^= x >>> 7;
            x = (x ^ (x << 17)) + i;
        }
        return x;
    }
}
