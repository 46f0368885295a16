"""What `import ganwidgets as gw` offers, and that it stays light."""

import subprocess
import sys

import pytest

NAMES = {
    "": "TorchClassifier TorchGenerator ablate compose coverage dissect inspect invert load load_classifier models nn "
    "paint results rewrite scenes segment set_units testing ui zero_units zoo",
    ".ablate": "AblateController Ablation AlphaResult ArtifactsController ArtifactUnits BrushPlaces CausalEffect "
    "ClassAblation ClassCurve ClassCurvesController ClassesController ConceptContrast ContextController "
    "EffectResult InsertionContext InsertionValue JointDrop JointDropController LabelledImages RemovalAlpha "
    "RemovalController RemovalCurve RemovalEffect RemoveDirection TopPictures UnitEffectsController "
    "ablation_effect attribute_correlations average_causal_effect class_ablation class_scores classes_panel "
    "compare_networks concept_contrast concept_pixels cumulative_curve find_artifact_units find_places "
    "important_sets insertion_context insertion_effect insertion_value mean_where_present most_active_latents "
    "optimise_alpha optimise_insertion optimise_removal panel random_rotation rank_by_alpha rank_by_effect "
    "rank_by_iou removal_curve removal_effect rotation_comparison rotation_power top_pictures unit_attributes "
    "unit_effects unit_orders",
    ".coverage": "Coverage CoverageController CoverageRun FSD Omissions coverage covering fsd load omissions omitting "
    "panel sides",
    ".dissect": "BasisRotation DepthProfile DissectionRun Explanation Options RunState basis_rotation compare "
    "depth_layers depth_profile detectors explain load over_depth panel run stopped",
    ".invert": "AdaptController Adaptation Adapting Editability Encoder EncoderStep Errors Inversion InvertController "
    "Judging Losses Recipe Reconstructions RefinedEdit STRATEGIES SelfInversion Snapshot Strategy Verdict "
    "VerdictController adapt adapting encoder_for feature_fn from_bytes inputs_of invert inverted inverting judge "
    "judging kept_encoder load load_encoder panel reconstruct refine_edit refining_edit save self_inversion to_bytes "
    "training",
    ".paint": "Brush Clip OutsideErrors PaintController PaintEdit PaintReport PaintedPhoto Stroke StrokeStack "
    "apply_to_many brushes copy_region edits from_json load load_photo panel paste report save save_photo to_json",
    ".rewrite": "Advice AdviceController Descent EditRequest EditStack EditableLayer Example FineTuned KeyStatistics "
    "LowRankEdit MarkingController Matches Refinement ReportController RewriteController RewriteReport RuleController "
    "Solution Target Trial advise advising apply as_edit collect_keys context_directions copy_object descend "
    "edit_from editable_layer editable_layers erase erase_target erased_units fine_tune from_bytes "
    "Generalisation GoalController RuleSample generalise rule_sample "
    "keep_target load load_request panel paste_target patch_moment random_edit random_edits refine report "
    "request_from_json request_to_json save save_request search solve solve_steps stale to_bytes zero",
    ".ui": "AreaBars CodeSnippet Compare Component Controls CropBox Curve Download EditStack Facts FileDrop Histogram "
    "ImageGrid LayerPicker Layout MaskPainter Matrix RunBar Scatter Tray UnitGrid column fold page row tabs",
}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", NAMES)
def test_the_public_names_are_these(module):
    found = python(
        f"import ganwidgets{module} as m; print(*sorted(n for n in m.__all__ if not n.startswith('_')), sep=' ')"
    )
    assert found.split() == sorted(NAMES[module].split())


def test_every_public_name_is_there_and_in_dir():
    print_them = "import ganwidgets as gw; print(all(hasattr(gw, n) and n in dir(gw) for n in gw.__all__))"
    assert python(print_them) == "True"


@pytest.mark.parametrize(
    "code", ["import ganwidgets", "import ganwidgets.ui", "import ganwidgets.jobs, ganwidgets.wiring"]
)
def test_light_imports_load_neither_torch_nor_matplotlib(code):
    heavy = "[m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules]"
    assert python(f"import sys; {code}; print({heavy})") == "[]"


def test_the_package_itself_loads_no_widgets_either():
    assert python("import sys, ganwidgets; print('traitlets' in sys.modules or 'numpy' in sys.modules)") == "False"


def test_an_unknown_name_says_what_there_is():
    import ganwidgets as gw

    with pytest.raises(AttributeError, match=r"no attribute 'dissekt'.*'dissect'"):
        _ = gw.dissekt


def test_the_panel_is_a_function_whichever_way_it_was_imported_first():
    """The file dissect/panel.py and the function gw.dissect.panel share a name."""
    first = "from ganwidgets.dissect.panel import Panel"
    assert python(f"{first}; import ganwidgets as gw; print(callable(gw.dissect.panel))") == "True"
    assert python(f"import ganwidgets as gw; gw.dissect.panel; {first}; print(callable(gw.dissect.panel))") == "True"
    assert (
        python("import ganwidgets as gw; print(callable(gw.dissect.panel), callable(gw.dissect.panel))") == "True True"
    )


def test_the_version_is_the_packages():
    from importlib.metadata import version

    import ganwidgets

    assert ganwidgets.__version__ == version("ganwidgets")
