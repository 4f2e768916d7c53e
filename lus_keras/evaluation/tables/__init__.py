"""Tables: a paper declares rows and columns, one loop makes numbers of them.

    predictions ─▶ judge ─▶ layout ─▶ engine ─▶ Table
                   statistics of   rows ×     estimate, interval,
                   a set, once     columns    baseline, cell

judge           statistics of one set of predictions, and those of a predictor without skill
layout          what a table declares: Column, Row, Layout; Measure, Number, Contrast
engine          the loop from a layout (of one run, or of runs with several seeds) to a Table
classification  rows and columns of two-class networks
multiclass      rows of classes that exclude each other, and of labels that may go together
studies         tables of variants of networks and of amounts of training data
claims          tests of the orders that a paper claims
"""
