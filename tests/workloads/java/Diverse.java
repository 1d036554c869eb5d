import java.lang.reflect.Method;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.Deflater;

/**
 * What makes stacks hard: regex, streams, sorts, SHA, JNI deflate, exceptions, reflection, lambdas, interface calls,
 * deep recursion, string building and (JDK 21+) virtual threads. Runs for args[0] seconds.
 */
public class Diverse {
    static volatile Object sink;
    static final Random random = new Random(42);

    interface Shape { double area(); }
    static final class Square implements Shape { public double area() { return 4; } }
    static final class Circle implements Shape { public double area() { return Math.PI; } }
    static final class Line implements Shape { public double area() { return 0; } }
    static final class Dot implements Shape { public double area() { return 1e-9; } }

    public static void main(String[] args) throws Exception {
        long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
        Runnable[] parts = {
            Diverse::regex, Diverse::streams, Diverse::sorts, Diverse::digest, Diverse::deflate, Diverse::exceptions,
            Diverse::reflection, Diverse::lambdas, Diverse::shapes, Diverse::strings, Diverse::maps, () -> sink = recurse(200),
            Diverse::virtualThreads,
        };
        long warm = System.nanoTime() + 1_500_000_000L;
        while (System.nanoTime() < warm) {
            for (Runnable part : parts) {
                part.run();
            }
        }
        System.out.println("ready");
        while (System.nanoTime() < end) {
            for (Runnable part : parts) {
                part.run();
            }
        }
    }

    static void regex() {
        Pattern pattern = Pattern.compile("(\\w+)@(\\w+)\\.(com|org)");
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 200; i++) text.append("some words then user").append(i).append("@host.org; ");
        int found = 0;
        java.util.regex.Matcher matcher = pattern.matcher(text);
        while (matcher.find()) found += matcher.group(1).length();
        sink = found;
    }

    static void streams() {
        sink = IntStream.range(0, 20_000).mapToObj(i -> "k" + i % 97).collect(Collectors.groupingBy(k -> k, Collectors.counting()));
    }

    static void sorts() {
        Integer[] numbers = new Integer[20_000];
        for (int i = 0; i < numbers.length; i++) numbers[i] = random.nextInt();
        Arrays.sort(numbers, (a, b) -> Integer.compare(b, a));
        int[] plain = random.ints(50_000).toArray();
        Arrays.sort(plain);
        sink = plain;
    }

    static void digest() {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            byte[] block = new byte[256 * 1024];
            for (int i = 0; i < 4; i++) sha.update(block);
            sink = sha.digest();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static void deflate() {
        Deflater deflater = new Deflater(6);
        byte[] input = new byte[128 * 1024];
        for (int i = 0; i < input.length; i++) input[i] = (byte) (i * 31 ^ (i >> 3));
        byte[] output = new byte[256 * 1024];
        deflater.setInput(input);
        deflater.finish();
        while (!deflater.finished()) deflater.deflate(output);
        deflater.end();
        sink = output;
    }

    static void exceptions() {
        int caught = 0;
        for (int i = 0; i < 500; i++) {
            try {
                thrower(20);
            } catch (IllegalArgumentException e) {
                caught += e.getStackTrace().length;
            }
        }
        sink = caught;
    }

    static void thrower(int depth) {
        if (depth == 0) throw new IllegalArgumentException("deep");
        thrower(depth - 1);
    }

    public static int target(int x) { return x * 3 + 1; }

    static void reflection() {
        try {
            Method method = Diverse.class.getMethod("target", int.class);
            int sum = 0;
            for (int i = 0; i < 20_000; i++) sum += (Integer) method.invoke(null, i);
            sink = sum;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static void lambdas() {
        List<IntUnaryOperator> operators = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            int k = i;
            operators.add(x -> x * k + 1);
            operators.add(x -> x ^ k);
            operators.add(x -> x - k);
        }
        Function<Integer, Integer> chained = x -> x + 1;
        for (int i = 0; i < 10; i++) chained = chained.andThen(x -> x + 1);
        int x = 1;
        for (int i = 0; i < 20_000; i++) x = operators.get(i % operators.size()).applyAsInt(x);
        for (int i = 0; i < 5_000; i++) x += chained.apply(i);
        sink = x;
    }

    static void shapes() {
        Shape[] all = {new Square(), new Circle(), new Line(), new Dot()};
        double sum = 0;
        for (int i = 0; i < 200_000; i++) sum += all[i & 3].area();
        sink = sum;
    }

    static void strings() {
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 2_000; i++) all.append(String.format("%d-%s;", i, Integer.toHexString(i)));
        sink = all.toString().split(";").length;
    }

    static void maps() {
        Map<String, Integer> map = new HashMap<>();
        for (int i = 0; i < 20_000; i++) map.merge("key" + i % 1000, 1, Integer::sum);
        sink = map;
    }

    static int recurse(int depth) {
        if (depth == 0) {
            int x = 0;
            for (int i = 0; i < 20_000; i++) x += i ^ x;
            return x;
        }
        return recurse(depth - 1) + 1;
    }

    static final Method START_VIRTUAL = startVirtual();

    static Method startVirtual() {
        try {
            return Thread.class.getMethod("startVirtualThread", Runnable.class);
        } catch (NoSuchMethodException e) {
            return null;   // before JDK 21
        }
    }

    static void virtualThreads() {
        if (START_VIRTUAL == null) return;
        CountDownLatch done = new CountDownLatch(50);
        try {
            for (int i = 0; i < 50; i++) {
                Runnable work = () -> {
                    virtualWork(30);
                    done.countDown();
                };
                START_VIRTUAL.invoke(null, work);
            }
            done.await();
        } catch (ReflectiveOperationException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    static int virtualWork(int depth) {
        if (depth > 0) return virtualWork(depth - 1) + 1;
        int x = 0;
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < 40_000; i++) x = x * 31 + i;
            Thread.yield();
        }
        return x;
    }
}
