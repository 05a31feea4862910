<?php
// Runs PHP's built-in server, on a port of its own, until standard input ends,
// which it does when the program that started this one is gone.
$server = proc_open(
    [PHP_BINARY, '-n', '-d', 'display_errors=0', '-S', '127.0.0.1:0', $argv[1]],
    [['pipe', 'r'], STDOUT, STDERR],
    $pipes
);
while (!feof(STDIN)) {
    fgets(STDIN);
}
proc_terminate($server);
proc_close($server);
