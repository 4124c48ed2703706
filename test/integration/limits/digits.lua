return digits(EXPRESSION)
