<?php
// C functions below PHP's, and PHP's below those: press and digest end in a library, keyed goes through the sort in C to its
// key function, texts through the engine to a class's own conversion. native.php SECONDS
class Text
{
    public function __toString(): string
    {
        for ($i = 0, $sum = 0; $i < 2000; ++$i) {
            $sum += $i;
        }
        return "text $sum";
    }
}

function press(string $data): int
{
    return strlen(gzcompress($data, 6));
}

function digest(string $data): string
{
    return hash("sha256", $data);
}

function keyed(array $numbers): int
{
    usort($numbers, function ($a, $b) {
        for ($i = 0, $sum = 0; $i < 50; ++$i) {
            $sum += $i;
        }
        return $a <=> $b;
    });
    return $numbers[0];
}

function texts(): int
{
    $length = 0;
    for ($i = 0; $i < 60; ++$i) {
        $length += strlen("so: " . new Text());
    }
    return $length;
}

function main(float $seconds): void
{
    $data = str_repeat("hello world ", 20000);
    $numbers = array_map(fn($i) => $i * 7919 % 1009, range(1, 300));
    echo "ready\n";
    $stop = microtime(true) + $seconds;
    while (microtime(true) < $stop) {
        press($data);
        digest($data);
        keyed($numbers);
        texts();
    }
}

main((float) ($argv[1] ?? 10));
