<?php
// Shapes of call that a walker may get wrong, one after another, each for SECONDS in `spin`.
// shapes.php SECONDS; each prints `caller name@line<TAB>…`, PHP's own truth, innermost first; line 0: an internal function.
// With a third word `round`, again and again.

function spin()
{
    global $seconds;
    static $told = [];
    $trace = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS);
    $callers = [];
    foreach ($trace as $i => $call) {
        $caller = $trace[$i + 1] ?? ["function" => "{main}"];
        $name = isset($caller["class"]) ? $caller["class"] . "::" . $caller["function"] : $caller["function"];
        $callers[] = preg_replace('/\x00.*?(?=::|$)/s', "", $name) . "@" . ($call["line"] ?? 0);
    }
    $say = "caller " . implode("\t", $callers) . "\n";
    if (!isset($told[$say])) {
        $told[$say] = true;
        fwrite(STDOUT, $say);
    }
    $stop = microtime(true) + $seconds;
    while (microtime(true) < $stop) {
        for ($i = 0; $i < 100; $i++) {
            md5("a rather long text to be hashed, so that most time is spent here and not elsewhere");
        }
    }
    return 1;
}

trait Spinning
{
    public function inTrait() { return spin(); }
}

class Base
{
    use Spinning;
    public function __construct() {}
    public function method()
    {
        return array_sum([
            1,
            spin(),
            2,
        ]);
    }
    public static function still() { return spin(); }
    public function __call($name, $arguments) { return spin(); }
    public static function __callStatic($name, $arguments) { return spin(); }
    public function __toString() { spin(); return ""; }
    public function recurse($depth) { return $depth === 0 ? spin() : $this->recurse($depth - 1); }
    public function callback() { return array_map(function ($x) { return spin(); }, [1]); }
    public function sorted() { $list = [2, 1]; usort($list, [$this, "compare"]); return $list; }
    public function compare($a, $b) { spin(); return $a <=> $b; }
    public function &numbers() { $one = 1; spin(); yield $one; }
}

class Derived extends Base
{
    public function __construct()
    {
        parent::__construct();
        spin();
    }
    public function method()
    {
        return parent::method();
    }
}

final class Ending
{
    public function __destruct() { spin(); }
}

function generate() { yield from inner(); }
function inner() { spin(); yield 1; }

$shapes = [
    "method" => function () { (new Base())->method(); },
    "parent" => function () { (new Derived())->method(); },
    "static" => function () { Base::still(); },
    "call" => function () { (new Base())->missing(1); },
    "callStatic" => function () { Base::missing(1); },
    "string" => function () { return "" . new Base(); },
    "recurse" => function () { (new Base())->recurse(3000); },
    "callback" => function () { (new Base())->callback(); },
    "sorted" => function () { (new Base())->sorted(); },
    "trait" => function () { (new Base())->inTrait(); },
    "generator" => function () { foreach (generate() as $x) { continue; } },
    "numbers" => function () { foreach ((new Base())->numbers() as $x) { continue; } },
    "anonymous" => function () {
        $object = new class { public function here() { spin(); } };
        $object->here();
    },
    "eval" => function () { eval("\n\nspin();"); },
    "include" => function () { include __DIR__ . "/included.php"; },
    "destruct" => function () { $x = new Ending(); $x = null; },
    "reflection" => function () { (new ReflectionMethod("Base", "still"))->invoke(null); },
    "user_func" => function () { \call_user_func_array("Base::still", []); },
];
if (class_exists("Fiber")) {
    $shapes["fiber"] = function () {
        $fiber = new Fiber(function () { spin(); });
        $fiber->start();
    };
}

$seconds = (float) ($argv[1] ?? 0.5);
do {
    foreach ($shapes as $name => $shape) {
        $shape();
    }
    fwrite(STDOUT, "round\n");
} while (($argv[2] ?? "") === "round");
