# Methods of some 50 ns: leafN only below midN below topN, any other stack is impossible. tiny.rb SECONDS
6.times do |n|
  Object.class_eval <<~SOURCE, "tiny#{n}.rb", 1
    def leaf#{n}; end
    def mid#{n}; leaf#{n}; leaf#{n}; end
    def top#{n}; mid#{n}; mid#{n}; mid#{n}; end
  SOURCE
end

class Worker
  def turn
    top0; top0
    top1; top1
    top2; top2
    top3; top3
    top4; top4
    top5; top5
  end
end

def main(seconds)
  $stdout.puts "ready"
  $stdout.flush
  worker = Worker.new
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  while Process.clock_gettime(Process::CLOCK_MONOTONIC) < stop
    i = 0
    while i < 2000
      worker.turn
      i += 1
    end
  end
end

main((ARGV[0] || 10).to_f)
