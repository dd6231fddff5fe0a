#!/bin/bash
echo '{ "error": "This is a stub action. Replace it with custom logic." }'
