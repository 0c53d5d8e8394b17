"""What a web framework needs of this library. Nothing is imported here, as hardly anybody has every framework."""
