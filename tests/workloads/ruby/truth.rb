# A known answer: three methods take 60, 30 and 10 % of the time, each by several calls on known lines.
# truth.rb [SECONDS [THREADS [WORKERS]]]; each worker (forked but the first) prints `ready`; ends by itself.
module Shop
  class Basket
    def hot(n)
      sum = 0
      n.times do |i|
        sum += i % 7
        sum ^= i
      end
      sum
    end

    def self.warm(n)
      i = sum = 0
      while i < n
        sum += i % 7
        i += 1
      end
      sum
    end

    def cold(n)
      text = +""
      n.times { |i| text << i.to_s }
      text.size
    end

    def clock
      Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID)
    end

    # Spends `seconds` of this thread's processor time in what the block calls.
    def spend(seconds)
      start = clock
      yield while clock - start < seconds
    end

    def round
      spend(0.006) { hot(2_000) }
      spend(0.003) do
        Basket.warm(2_000)
      end
      spend(0.001) { cold(200) }
    end
  end
end

def main(seconds)
  basket = Shop::Basket.new
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  basket.round while Process.clock_gettime(Process::CLOCK_MONOTONIC) < stop
end

seconds = (ARGV[0] || 30).to_f
threads = (ARGV[1] || 1).to_i
(2..(ARGV[2] || 1).to_i).each { break unless fork }
$stdout.puts "ready"
$stdout.flush
others = (2..threads).map { Thread.new { main(seconds) } }
main(seconds)
others.each(&:join)
