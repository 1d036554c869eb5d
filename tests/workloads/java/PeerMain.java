import java.lang.reflect.Method;

/**
 * Runs another workload's main (args[2], for args[3] seconds) with async-profiler over a part of it:
 * args[0] its library, args[1] how many seconds; -Dpeer.delay=MILLISECONDS from the start on. Says `profiling` when it
 * begins, `done` when /tmp/peer.txt is written.
 */
public class PeerMain {
    public static void main(String[] args) throws Exception {
        Class<?> type = Class.forName("one.profiler.AsyncProfiler");
        Object profiler = type.getMethod("getInstance", String.class).invoke(null, args[0]);
        Method execute = type.getMethod("execute", String.class);
        Thread control = new Thread(() -> {
            try {
                Thread.sleep(Long.getLong("peer.delay", 6000));   // compiled for good by then
                execute.invoke(profiler, "start,event=" + args[4] + ",interval=2ms,cstack=vm");
                System.out.println("profiling");
                Thread.sleep(Long.parseLong(args[1]) * 1000L);
                execute.invoke(profiler, "stop,collapsed,file=/tmp/peer.txt");
                System.out.println("done");
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        control.setDaemon(true);
        control.start();
        Class.forName(args[2]).getMethod("main", String[].class).invoke(null, (Object) new String[] {args[3]});
    }
}
