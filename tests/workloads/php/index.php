<?php
// A page: ?work=N searches N times, without it answers at once.
class Catalogue
{
    private $items = [];

    public function __construct()
    {
        for ($i = 0; $i < 400; $i++) {
            $this->items[] = "item $i " . ($i * 7919 % 1000);
        }
    }

    public function search($word)
    {
        return array_filter($this->items, function ($item) use ($word) {
            return $this->matches($item, $word);
        });
    }

    private function matches($item, $word)
    {
        foreach (explode(" ", $item) as $part) {
            if (strncmp($part, $word, strlen($word)) === 0) {
                return true;
            }
        }
        return false;
    }
}

$found = [];
$catalogue = new Catalogue();
for ($i = (int) ($_GET["work"] ?? 0); $i > 0; $i--) {
    $found = $catalogue->search("7");
}
echo count($found), "\n";
