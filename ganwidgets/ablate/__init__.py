"""What units cause: switch them off or on, and count what the pictures lose or gain.

`ablation_effect` and `insertion_effect` measure a set of units beside random sets of equal size, `unit_effects` every
unit alone. `rank_by_iou`, `rank_by_effect` and `optimise_alpha` order units, `removal_curve` says how many are enough,
`optimise_removal` takes a concept away and spares the others, `insertion_context` says where a concept can be inserted,
`concept_contrast` and `optimise_insertion` what to set units to there, `find_artifact_units` which units draw
artifacts. `class_ablation` asks the same of a classifier. `panel` shows all of it, live, in a notebook, and
`classes_panel` what a classifier's units are for.
"""

from ganwidgets.ablate.effect import Ablation, EffectResult, ablation_effect, concept_pixels, unit_effects
from ganwidgets.later import files_of, loader

# Loaded when asked for: a script that only measures needs neither traitlets nor matplotlib.
_LATER = {
    "alpha": ("AlphaResult", "optimise_alpha"),
    "artifact_removal": ("RemovalEffect", "most_active_latents", "removal_effect"),
    "artifacts": ("ArtifactUnits", "TopPictures", "find_artifact_units", "top_pictures"),
    "brush_places": ("BrushPlaces", "find_places"),
    "class_attributes": ("unit_attributes",),
    "class_correlations": ("attribute_correlations",),
    "class_curves": ("ClassCurve", "cumulative_curve", "unit_orders"),
    "class_result": ("ClassAblation",),
    "class_sets": ("important_sets",),
    "classes": ("class_ablation", "class_scores", "compare_networks"),
    "rotation": ("RemoveDirection", "random_rotation", "rotation_comparison", "rotation_power"),
    "context": ("InsertionContext", "insertion_context"),
    "contrast": ("ConceptContrast", "concept_contrast"),
    "controller": ("AblateController", "UnitEffectsController"),
    "controller_artifacts": ("ArtifactsController",),
    "controller_class_curves": ("ClassCurvesController",),
    "controller_classes": ("ClassesController", "JointDropController", "LabelledImages"),
    "controller_context": ("ContextController",),
    "controller_removal": ("RemovalController",),
    "insertion": ("CausalEffect", "average_causal_effect", "insertion_effect", "insertion_value", "mean_where_present"),
    "insertion_search": ("InsertionValue", "optimise_insertion"),
    "joint_drop": ("JointDrop",),
    "panel": ("panel",),
    "panel_classes": ("classes_panel",),
    "removal": ("RemovalCurve",),
    "sparing": ("RemovalAlpha", "optimise_removal"),
    "unit_sets": ("rank_by_alpha", "rank_by_effect", "rank_by_iou", "removal_curve"),
}

__all__ = ["Ablation", "EffectResult", "ablation_effect", "concept_pixels", "unit_effects", *files_of(_LATER)]


__getattr__ = loader(__name__, globals(), _LATER)
