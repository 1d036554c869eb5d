# A Rack application: /search is hot, everything else answers at once.
class Catalogue
  def initialize
    @items = (1..400).map { |i| "item #{i} #{i * 7919 % 1000}" }
  end

  def search(word)
    @items.select { |item| matches?(item, word) }
  end

  def matches?(item, word)
    item.split.any? { |part| part.start_with?(word) }
  end
end

CATALOGUE = Catalogue.new

run lambda { |env|
  found = []
  200.times { found = CATALOGUE.search("7") } if env["PATH_INFO"] == "/search"
  [200, { "content-type" => "text/plain" }, ["#{found.size}\n"]]
}
