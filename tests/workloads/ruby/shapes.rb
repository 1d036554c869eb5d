# Shapes of call that a walker may get wrong, each in a thread of its own that spins for SECONDS in `spin`.
# shapes.rb SECONDS [SHAPE…]; each prints `caller NAME [[label, file, line]…]`, its own truth, innermost first.
require "json"
SECONDS = (ARGV.shift || 2).to_f

def spin
  callers = caller_locations(1).map { |c| [c.label, File.basename(c.path.to_s), c.lineno.to_i] }
  say = "caller " + callers.to_json + "\n"
  $stdout.write(say)
  $stdout.flush   # a ractor has one of its own
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC) + SECONDS
  while Process.clock_gettime(Process::CLOCK_MONOTONIC) < stop
    i = 0
    i += 1 while i < 20_000
    Thread.pass   # 3.3 leaves the others no turn once a ractor has run
  end
end

module Outer
  class Inner
    define_method(:defined) do
      spin
    end

    def escaping(&block)
      kept = proc { [1].each { |_| block.call } }
      kept.call
    end

    def use_block
      escaping do
        spin
      end
    end

    class << self
      def in_singleton
        spin
      end
    end

    def many_lines
      value = [
        1,
        2,
        spin,
        3
      ]
      value.size
    end

    def matching(text)
      text =~ /b(.)d/
      $1.size.times { spin }
    end

    def recurse(depth)
      return spin if depth == 0
      recurse(depth - 1)
    end

    def aliased
      spin
    end
    alias other_name aliased

    def évalué
      spin
    end
  end

  module Helper
    module_function

    def helping
      spin
    end
  end
end

anonymous = Class.new do
  def nameless
    spin
  end
end
lonely = Object.new
def lonely.alone
  spin
end

SHAPES = {
  "defined" => -> { Outer::Inner.new.defined },
  "block" => -> { Outer::Inner.new.use_block },
  "singleton" => -> { Outer::Inner.in_singleton },
  "lines" => -> { Outer::Inner.new.many_lines },
  "matching" => -> { Outer::Inner.new.matching("abcd") },
  "recurse" => -> { Outer::Inner.new.recurse(3000) },
  "alias" => -> { Outer::Inner.new.other_name },
  "utf8" => -> { Outer::Inner.new.évalué },
  "function" => -> { Outer::Helper.helping },
  "anonymous" => -> { anonymous.new.nameless },
  "alone" => -> { lonely.alone },
  "fiber" => -> { Fiber.new { Outer::Inner.in_singleton }.resume },
  "enumerator" => -> { Enumerator.new { |y| y << Outer::Inner.in_singleton }.next },
  "eval" => -> { Outer::Inner.class_eval("spin", "evaluated.rb", 77) },
  "instance" => -> { Outer::Inner.new.instance_eval { spin } },
  "fork" => -> { Process.wait(fork { Outer::Inner.in_singleton }) },
}
if defined?(Ractor)
  SHAPES["ractor"] = lambda do
    Warning[:experimental] = false
    ractor = Ractor.new { Outer::Inner.in_singleton }
    ractor.respond_to?(:take) ? ractor.take : ractor.value
  end
end

$stdout.sync = true
names = ARGV.empty? ? SHAPES.keys : ARGV
names.map { |name| Thread.new { SHAPES.fetch(name).call } }.each(&:join)
