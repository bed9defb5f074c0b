"""When two examples are the same: fingerprints of pictures, sounds, texts and clips, without their labels."""
