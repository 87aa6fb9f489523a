<?php
// SPDX-License-Identifier: Apache-2.0
// A page with a form: a note, and a file to upload. What was sent is shown, the files are kept.
$name = getenv('APP_NAME') ?: 'php';
$kept = getenv('APP_FILES');
header('Content-Type: text/html; charset=utf-8');
if ($_SERVER['REQUEST_METHOD'] === 'POST' && isset($_FILES['file'])) {
    $file = $_FILES['file'];
    $sum = md5_file($file['tmp_name']);
    if ($file['error'] || !move_uploaded_file($file['tmp_name'], "$kept/$sum")) {
        http_response_code(500);
        exit("<p>upload failed: {$file['error']}</p>\n");
    }
    exit("<p>kept {$file['name']}: {$file['size']} $sum</p>\n<p>" . htmlspecialchars($_POST['note'] ?? '') . "</p>\n");
}
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    exit('<p>noted ' . htmlspecialchars($_POST['note'] ?? '') . "</p>\n");
}
?>
<title><?= $name ?></title>
<form method="post" enctype="multipart/form-data">
  <input name="note"> <input type="file" name="file"> <button>Send</button>
</form>
<p><?= $name ?> says hello</p>
