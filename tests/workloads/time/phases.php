<?php
// As phases.py says, in one thread.
function work_a($until) { while (microtime(true) < $until) { $x = 0; for ($i = 0; $i < 300; ++$i) $x += $i; } }
function work_b($until) { while (microtime(true) < $until) { $x = 0; for ($i = 0; $i < 300; ++$i) $x += $i; } }
echo "ready\n";
while (true) {
    work_a(microtime(true) + 2.2);
    $start = microtime(true);
    work_b($start + 0.4);
    printf("b 1 %.6f %.6f\n", $start, microtime(true));
    flush();
}
