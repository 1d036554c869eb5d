# One thread after another runs a shape of call that a walker may get wrong; each spins for SECONDS in `spin`.
# shapes.rb SECONDS SHAPE…; prints `shape NAME LINE` with the line that the innermost Ruby frame must show, then spins.
SECONDS = (ARGV.shift || 2).to_f

def spin
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC) + SECONDS
  i = 0
  i += 1 while i % 5000 != 0 || Process.clock_gettime(Process::CLOCK_MONOTONIC) < stop || i == 0
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

Anonymous = nil
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
  "thread" => -> { Thread.new { Outer::Inner.in_singleton }.join },
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
ARGV.each do |name|
  unless SHAPES[name]
    puts "none #{name}"
    next
  end
  puts "shape #{name}"
  SHAPES[name].call
end
puts "end"
