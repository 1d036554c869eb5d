<?php
$spent = [];
foreach (['home', 'cart', 'pay'] as $name) $spent[$name] = array_sum(file(getenv('SPENT') . "/$name") ?: []);
echo json_encode($spent);
