<?php
// A known answer: three functions take 60, 30 and 10 % of the time, each by several calls on known lines.
// truth.php [SECONDS]; prints `ready` and ends by itself. As a page: ?seconds=S.
namespace Shop;

class Basket
{
    public function hot(int $n): int
    {
        $sum = 0;
        foreach (range(1, $n) as $i) {
            $sum += strlen((string) $i);
            $sum ^= crc32("$i");
        }
        return $sum;
    }

    public static function warm(int $n): int
    {
        $sum = 0;
        for ($i = 0; $i < $n; ++$i) {
            $sum += Helper::weigh(
                $i,
                $sum
            );
        }
        return $sum;
    }

    public function cold(int $n): string
    {
        $words = array_map(function ($i) {
            return md5("$i");
        }, range(1, $n));
        return implode(",", $words);
    }

    private function clock(): float
    {
        $usage = getrusage();
        return $usage["ru_utime.tv_sec"] + $usage["ru_utime.tv_usec"] / 1e6
            + $usage["ru_stime.tv_sec"] + $usage["ru_stime.tv_usec"] / 1e6;
    }

    // Spends `seconds` of processor time in what is called.
    private function spend(float $seconds, callable $work): void
    {
        $start = $this->clock();
        while ($this->clock() - $start < $seconds) {
            $work();
        }
    }

    public function round(): void
    {
        $this->spend(0.06, fn() => $this->hot(2000));
        $this->spend(0.03, function () {
            self::warm(2000);
        });
        $this->spend(0.01, fn() => $this->cold(500));
    }
}

class Helper
{
    public static function weigh(int $i, int $sum): int
    {
        return abs($i - $sum) % 7;
    }
}

function main(float $seconds): void
{
    $basket = new Basket();
    $stop = microtime(true) + $seconds;
    while (microtime(true) < $stop) {
        $basket->round();
    }
}

if (PHP_SAPI === "cli") {
    echo "ready\n";
    main((float) ($argv[1] ?? 30));
} else {
    main((float) ($_GET["seconds"] ?? 1));
    echo "done\n";
}
