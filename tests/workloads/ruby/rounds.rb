# 60, 30 and 10 % of the work, by counted rounds: true however slow or often interrupted the machine is.
module Shop
  class Basket
    def rounds(count)
      x = 1
      i = 0
      while i < count
        x = (x * 1103515245 + 12345) & 0x7fffffff
        i += 1
      end
      x
    end

    def sixty = rounds(6000)
    def thirty = rounds(3000)
    def ten = rounds(1000)
  end
end

def main
  basket = Shop::Basket.new
  loop do
    basket.sixty
    basket.thirty
    basket.ten
  end
end

$stdout.puts "ready"
$stdout.flush
main
