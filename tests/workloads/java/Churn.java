import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/**
 * Keeps collectors busy with a result that must come out the same: args[0] rounds on each of args[1] (2) threads.
 * Each round of the first thread prints the rounds and System.nanoTime so far.
 */
public class Churn {
    static final class Node {
        Node left, right;
        long value;

        Node(int depth, long seed) {
            value = seed * 6364136223846793005L + 1442695040888963407L;
            if (depth > 0) {
                left = new Node(depth - 1, value);
                right = new Node(depth - 1, ~value);
            }
        }

        long sum() {
            return value + (left == null ? 0 : left.sum() * 31) + (right == null ? 0 : right.sum() * 17);
        }
    }

    static long round(int number, ArrayDeque<Node> kept) {
        Node tree = new Node(13, number);
        kept.addLast(tree);
        if (kept.size() > 20) kept.removeFirst();
        Map<String, Long> map = new HashMap<>();
        for (int i = 0; i < 3000; i++) map.merge("key-" + (i * number) % 701, (long) i, Long::sum);
        long sum = tree.sum();
        for (Node node : kept) sum = sum * 7 + node.sum();
        for (long value : map.values()) sum += value;
        return sum;
    }

    public static void main(String[] args) throws Exception {
        int rounds = Integer.parseInt(args[0]);
        int count = args.length > 1 ? Integer.parseInt(args[1]) : 2;
        long[] results = new long[count];
        Thread[] threads = new Thread[count];
        for (int t = 0; t < count; t++) {
            int id = t;
            threads[t] = new Thread(() -> {
                ArrayDeque<Node> kept = new ArrayDeque<>();
                for (int i = 1; i <= rounds; i++) {
                    results[id] = results[id] * 31 + round(i * 2 + id, kept);
                    if (id == 0) System.out.println("round " + i + " " + System.nanoTime());
                }
            }, "churn-" + t);
            threads[t].start();
        }
        System.out.println("ready");
        for (Thread thread : threads) thread.join();
        System.out.println("result " + java.util.Arrays.toString(results));
    }
}
