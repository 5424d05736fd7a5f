"""The Processing algorithms: parameters in, one core call, output out."""
