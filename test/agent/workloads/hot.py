"""Burns CPU in one function of the interpreter."""


def hot_python(rounds):
    total = 0
    for i in range(rounds):
        total = (total * 31 + i) % 1000003
    return total


while True:
    hot_python(200000)
