"""Is a hand-written backward rule right? A right one is proved, a wrong one is told: python examples/check_a_rule.py"""

import tensorprop as tp


class Dense(tp.Layer):
    """Affine map z = Wᵀa + b, with the rules that everybody knows."""

    forward = "z_j = a_i W_ij + b_j"
    backward = """
        δa_i  = W_ij δz_j
        δW_ij = a_i δz_j
        δb_j  = δz_j
    """


class Slip(tp.Layer):
    """A softmax whose rule forgets that every output depends on every input."""

    forward = "p_t = softmax_t(s_t)"
    backward = "δs_t = p_t (1 - p_t) δp_t"


right, wrong = tp.check(Dense()), tp.check(Slip())
print(right, "\n")
print(wrong)
assert right.proved and not wrong.ok
