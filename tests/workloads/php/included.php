<?php
// Runs as a part of shapes.php.
spin();
