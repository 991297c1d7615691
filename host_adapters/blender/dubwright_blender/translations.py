# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""What the panels' labels are called in other languages, as Blender's preferences choose them."""

import bpy

__all__ = [
    "CONTEXT",
    "LOCALES",
    "TABLE",
    "register",
    "register_labelled",
    "unregister",
    "unregister_labelled",
]

# Of our labels, so that Blender's own are not taken for them: its Line is no dialogue.
CONTEXT = "Dubwright"
LOCALES = ("de_DE", "es", "fr_FR", "it_IT", "ja_JP", "pt_BR", "zh_HANS")
# In the order of the locales.
LABELS = {
    "Text": ("Text", "Texto", "Texte", "Testo", "テキスト", "Texto", "文本"),
    "Language": ("Sprache", "Idioma", "Langue", "Lingua", "言語", "Idioma", "语言"),
    "Languages": ("Sprachen", "Idiomas", "Langues", "Lingue", "言語", "Idiomas", "语言"),
    "Recording": (
        "Aufnahme", "Grabación", "Enregistrement", "Registrazione", "録音", "Gravação", "录音",
    ),
    "Line": ("Zeile", "Frase", "Réplique", "Battuta", "セリフ", "Fala", "台词"),
    "Intensity": (
        "Stärke", "Intensidad", "Intensité", "Intensità", "強さ", "Intensidade", "强度",
    ),
    "Style": ("Stil", "Estilo", "Style", "Stile", "スタイル", "Estilo", "风格"),
    "Realistic": (
        "Realistisch", "Realista", "Réaliste", "Realistico", "リアル", "Realista", "写实",
    ),
    "Cartoon": (
        "Zeichentrick", "Caricatura", "Dessin animé", "Cartone animato", "カートゥーン",
        "Desenho animado", "卡通",
    ),
    "Anime": ("Anime", "Anime", "Anime", "Anime", "アニメ", "Anime", "动漫"),
    "Offset": (
        "Versatz", "Desfase", "Décalage", "Scostamento", "オフセット", "Deslocamento", "偏移",
    ),
    "Acting": (
        "Schauspiel", "Actuación", "Jeu", "Recitazione", "演技", "Atuação", "表演",
    ),
    "Emotion": ("Gefühl", "Emoción", "Émotion", "Emozione", "感情", "Emoção", "情绪"),
    "Head": ("Kopf", "Cabeza", "Tête", "Testa", "頭", "Cabeça", "头部"),
    "Rig": ("Rig", "Rig", "Rig", "Rig", "リグ", "Rig", "骨架"),
    "Found": ("Gefunden", "Encontrado", "Trouvé", "Trovato", "自動検出", "Encontrado", "自动查找"),
    "Names": ("Namen", "Nombres", "Noms", "Nomi", "名前", "Nomes", "名称"),
    "From a file": (
        "Aus einer Datei", "De un archivo", "D'un fichier", "Da un file", "ファイルから",
        "De um arquivo", "来自文件",
    ),
    "Rig file": (
        "Rig-Datei", "Archivo del rig", "Fichier du rig", "File del rig", "リグファイル",
        "Arquivo do rig", "骨架文件",
    ),
    "Folder": ("Ordner", "Carpeta", "Dossier", "Cartella", "フォルダー", "Pasta", "文件夹"),
    "Sound": ("Ton", "Sonido", "Son", "Suono", "サウンド", "Som", "声音"),
    "Later": ("Später", "Más tarde", "Plus tard", "Più tardi", "遅らせる", "Mais tarde", "延后"),
    "Strength": ("Stärke", "Fuerza", "Force", "Forza", "強さ", "Força", "力度"),
    "For": ("Für", "Para", "Pour", "Per", "対象", "Para", "用于"),
    "From": ("Von", "De", "De", "Da", "元", "De", "来自"),
    "Control": (
        "Regler", "Control", "Contrôle", "Controllo", "コントロール", "Controle", "控制",
    ),
    "Weight": ("Gewicht", "Peso", "Poids", "Peso", "ウェイト", "Peso", "权重"),
    "Mapping": (
        "Zuordnung", "Correspondencia", "Correspondance", "Corrispondenza", "マッピング",
        "Mapeamento", "映射",
    ),
    "Name": ("Name", "Nombre", "Nom", "Nome", "名前", "Nome", "名称"),
    "Original": ("Original", "Original", "Original", "Originale", "オリジナル", "Original", "原版"),
    "Subtitles": (
        "Untertitel", "Subtítulos", "Sous-titres", "Sottotitoli", "字幕", "Legendas", "字幕",
    ),
    "Cast": ("Besetzung", "Reparto", "Distribution", "Cast", "キャスト", "Elenco", "演员表"),
    "Redraw mouths": (
        "Münder neu zeichnen", "Redibujar bocas", "Redessiner les bouches", "Ridisegna le bocche",
        "口を描き直す", "Redesenhar bocas", "重绘嘴部",
    ),
}  # fmt: skip
BUTTONS = {
    "Speak": ("Sprechen", "Hablar", "Parler", "Parla", "話す", "Falar", "说话"),
    "Cancel": ("Abbrechen", "Cancelar", "Annuler", "Annulla", "キャンセル", "Cancelar", "取消"),
    "Adjust Line": (
        "Zeile anpassen", "Ajustar frase", "Ajuster la réplique", "Regola battuta",
        "セリフを調整", "Ajustar fala", "调整台词",
    ),
    "Play Language": (
        "Sprache abspielen", "Reproducir idioma", "Jouer la langue", "Riproduci lingua",
        "言語を再生", "Reproduzir idioma", "播放语言",
    ),
    "Open Review": (
        "Prüfseite öffnen", "Abrir revisión", "Ouvrir la révision", "Apri revisione",
        "レビューを開く", "Abrir revisão", "打开审阅",
    ),
    "Start From": (
        "Beginnen mit", "Empezar con", "Partir de", "Inizia da", "元にする", "Começar de",
        "起始于",
    ),
    "Take Pose": (
        "Pose übernehmen", "Tomar pose", "Prendre la pose", "Prendi posa", "ポーズを取得",
        "Usar pose", "采用姿态",
    ),
    "Show": ("Zeigen", "Mostrar", "Montrer", "Mostra", "表示", "Mostrar", "显示"),
    "Add": ("Hinzufügen", "Añadir", "Ajouter", "Aggiungi", "追加", "Adicionar", "添加"),
    "Remove": ("Entfernen", "Quitar", "Retirer", "Rimuovi", "削除", "Remover", "移除"),
    "Open ...": ("Öffnen ...", "Abrir ...", "Ouvrir ...", "Apri ...", "開く ...", "Abrir ...",
                 "打开 ..."),
    "Save ...": ("Speichern ...", "Guardar ...", "Enregistrer ...", "Salva ...", "保存 ...",
                 "Salvar ...", "保存 ..."),
    "Dub Selected": (
        "Auswahl synchronisieren", "Doblar selección", "Doubler la sélection",
        "Doppia selezione", "選択を吹き替え", "Dublar seleção", "为所选配音",
    ),
    "Lip-Sync Selected": (
        "Lippen der Auswahl anpassen", "Sincronizar labios", "Synchroniser les lèvres",
        "Sincronizza labiale", "選択をリップシンク", "Sincronizar lábios", "所选对口型",
    ),
    "Export OTIO": (
        "OTIO exportieren", "Exportar OTIO", "Exporter en OTIO", "Esporta OTIO",
        "OTIOを書き出す", "Exportar OTIO", "导出 OTIO",
    ),
    "Import OTIO": (
        "OTIO importieren", "Importar OTIO", "Importer un OTIO", "Importa OTIO",
        "OTIOを読み込む", "Importar OTIO", "导入 OTIO",
    ),
}  # fmt: skip
TABLE = {
    locale: {(CONTEXT, label): called[at] for label, called in dict(LABELS, **BUTTONS).items()}
    for at, locale in enumerate(LOCALES)
}


def register_labelled(classes):
    """Register classes of Blender's, their labels to be looked up among ours."""
    for each in classes:
        each.bl_translation_context = CONTEXT
        for field in each.__annotations__.values():
            field.keywords["translation_context"] = CONTEXT
        bpy.utils.register_class(each)


def unregister_labelled(classes):
    for each in reversed(classes):
        bpy.utils.unregister_class(each)


def register():
    bpy.app.translations.register(__name__, TABLE)


def unregister():
    bpy.app.translations.unregister(__name__)
