# As phases.py says.
def work_a(till) = (1 + 1 while Time.now.to_f < till)
def work_b(till) = (1 + 1 while Time.now.to_f < till)
def run(thread, offset)
  work_a(Time.now.to_f + offset)
  loop do
    work_a(Time.now.to_f + 2.2)
    start = Time.now.to_f
    work_b(start + 0.4)
    $stdout.write(format("b %d %.6f %.6f\n", thread, start, Time.now.to_f))
    $stdout.flush
  end
end
Thread.new { run(2, 1.3) }
$stdout.write("ready\n")
$stdout.flush
run(1, 0)
