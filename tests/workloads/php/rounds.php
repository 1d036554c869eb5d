<?php
// 60, 30 and 10 % of the work, by counted rounds: true however slow or often interrupted the machine is.
namespace Shop;

class Basket
{
    private static function rounds(int $count): int
    {
        $x = 1;
        for ($i = 0; $i < $count; $i++) {
            $x = ($x * 1103515245 + 12345) & 0x7fffffff;
        }
        return $x;
    }

    public function sixty(): int { return self::rounds(6000); }
    public function thirty(): int { return self::rounds(3000); }
    public static function ten(): int { return self::rounds(1000); }

    public function main(): void
    {
        while (true) {
            $this->sixty();
            $this->thirty();
            self::ten();
        }
    }
}

fwrite(STDOUT, "ready\n");
(new Basket())->main();
