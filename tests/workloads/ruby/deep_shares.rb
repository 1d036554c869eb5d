# Half of the time below a recursion of DEPTH calls, half below none.
def work(rounds)
  x = 0
  i = 0
  while i < rounds
    x += i * i & 0xff
    i += 1
  end
  x
end

def deep(depth, rounds)
  depth == 0 ? work(rounds) : deep(depth - 1, rounds)
end

def shallow(rounds)
  work(rounds)
end

depth, rounds = ARGV.map(&:to_i)
puts "ready"
$stdout.flush
loop do
  deep(depth, rounds)
  shallow(rounds)
end
