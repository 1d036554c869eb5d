<?php
// Half of the time below a recursion of DEPTH calls, half below none.
function work($rounds) {
    $x = 0;
    for ($i = 0; $i < $rounds; ++$i) $x += $i * $i & 0xff;
    return $x;
}
function deep($depth, $rounds) {
    return $depth == 0 ? work($rounds) : deep($depth - 1, $rounds);
}
function shallow($rounds) {
    return work($rounds);
}
echo "ready\n";
while (true) {
    deep((int)$argv[1], (int)$argv[2]);
    shallow((int)$argv[2]);
}
