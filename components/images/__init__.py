"""The images stage: where the job image is kept, and the image itself."""
