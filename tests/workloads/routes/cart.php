<?php
require __DIR__ . '/work.inc';
burn('cart');
