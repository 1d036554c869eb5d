/** As phases.py says. */
public class Phases {
  static volatile long sink;

  static double now() {
    java.time.Instant i = java.time.Instant.now();
    return i.getEpochSecond() + i.getNano() / 1e9;
  }

  static void workA(double until) {
    while (now() < until) {
      for (int i = 0; i < 3000; ++i) sink += i * sink ^ 3;
    }
  }

  static void workB(double until) {
    while (now() < until) {
      for (int i = 0; i < 3000; ++i) sink += i * sink ^ 5;
    }
  }

  static void run(int thread, double offset) {
    workA(now() + offset);
    while (true) {
      workA(now() + 2.2);
      double start = now();
      workB(start + 0.4);
      System.out.printf(java.util.Locale.ROOT, "b %d %.6f %.6f%n", thread, start, now());
      System.out.flush();
    }
  }

  public static void main(String[] args) {
    Thread second = new Thread(() -> run(2, 1.3));
    second.setDaemon(true);
    second.start();
    System.out.println("ready");
    run(1, 0);
  }
}
