<?php
// A loop that runs on three lines for long, one of which, the loop's own, keeps no place in its frame: lines.php SECONDS
function work(int $n): int
{
    $sum = abs(-7) + rand();
    for ($i = 0; $i < $n; ++$i) {
        $sum ^= $i;
        $sum += 3;
    }
    return abs($sum);
}

echo "ready\n";
$stop = microtime(true) + (float) ($argv[1] ?? 10);
while (microtime(true) < $stop) {
    work(20000);
}
