<?php
// Functions of some 50 ns: leafN only below midN below topN, any other stack is impossible. tiny.php SECONDS
for ($n = 0; $n < 6; ++$n) {
    eval("
        function leaf$n() {}
        function mid$n() { leaf$n(); leaf$n(); }
        function top$n() { mid$n(); mid$n(); mid$n(); }
    ");
}

class Worker
{
    public function turn(): void
    {
        top0(); top0();
        top1(); top1();
        top2(); top2();
        top3(); top3();
        top4(); top4();
        top5(); top5();
    }
}

function main(float $seconds): void
{
    echo "ready\n";
    $worker = new Worker();
    $end = microtime(true) + $seconds;
    while (microtime(true) < $end) {
        for ($i = 0; $i < 2000; ++$i) {
            $worker->turn();
        }
    }
}

main((float) ($argv[1] ?? 10));
