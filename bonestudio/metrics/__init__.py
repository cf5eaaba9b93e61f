"""Scores: how real synthetic images are, and how well numbers, masks and classes agree.

``distributions`` FID, KID · ``manifolds`` precision, recall, density, coverage, realism ·
``images`` SSIM, PSNR, gradient correlation · ``agreement`` PCC, ICC, Bland-Altman ·
``segmentation`` Dice, IoU, HD95 · ``classification`` accuracy, κ, AUC with intervals ·
``extractors`` the networks whose features the first two compare.
"""
