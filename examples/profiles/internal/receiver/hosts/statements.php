<?php
// Runs the statements of a published snippet, with the names that they take for
// granted: $request, $payload, $secret. The built-in server includes this file
// once for each request.
function verified() { http_response_code(200); echo 'verified'; }
function refused() { http_response_code(401); echo 'refused'; }

http_response_code(500);
$request = ['headers' => array_change_key_case(getallheaders(), CASE_LOWER)];
$payload = file_get_contents('php://input');
$secret = getenv('WEBHOOK_SECRET');
require __DIR__ . '/snippet.php';
