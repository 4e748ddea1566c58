{#- What is done to the texts of reviews: find keywords in them, and make quotes of them. -#}

{#- A text on one line: every run of white space is one space. -#}
{% macro on_one_line(text) -%}
    {{ return(adapter.dispatch('on_one_line', 'afterhype')(text)) }}
{%- endmacro %}

{% macro duckdb__on_one_line(text) -%}
    nullif(trim(regexp_replace({{ text }}, '[\s\p{Z}]+', ' ', 'g')), '')
{%- endmacro %}

{% macro spark__on_one_line(text) -%}
    nullif(trim(regexp_replace({{ text }}, r'[\s\p{Z}]+', ' ')), '')
{%- endmacro %}

{#- A text with each letter and its accents as one code, where Unicode has one. -#}
{% macro composed(text) -%}
    {{ return(adapter.dispatch('composed', 'afterhype')(text)) }}
{%- endmacro %}

{% macro duckdb__composed(text) -%}
    nfc_normalize({{ text }})
{%- endmacro %}

{#- Spark's SQL cannot do it: the texts are handed over to it composed. -#}
{% macro spark__composed(text) -%}
    {{ text }}
{%- endmacro %}

{#-
    The words of a text in Latin letters, lower case and without accents, a space before and after each:
    whether one begins like a keyword is then a matter of letters only.
-#}
{% macro latin_words(text) -%}
    {{ return(adapter.dispatch('latin_words', 'afterhype')(text)) }}
{%- endmacro %}

{% macro duckdb__latin_words(text) -%}
    (
        ' ' || trim(regexp_replace(
            strip_accents(lower({{ text }})), '[^\p{Latin}\p{N}]+', ' ', 'g'
        )) || ' '
    )
{%- endmacro %}

{% macro spark__latin_words(text) -%}
    concat(
        ' ', trim(regexp_replace(
            {{ _without_latin_accents('lower(' ~ text ~ ')') }}, r'[^\p{IsLatin}\p{N}]+', ' '
        )), ' '
    )
{%- endmacro %}

{#-
    Every small Latin letter that Unicode decomposes into a letter and accents becomes the letter; accents
    that stand alone go.
-#}
{% macro _without_latin_accents(text) -%}
    {%- set accented =
        'àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžơưǎǐ' ~
        'ǒǔǖǘǚǜǟǡǣǧǩǫǭǯǰǵǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓ' ~
        'ṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗẘẙẛạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ'
    -%}
    {%- set plain =
        'aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzouai' ~
        'ouuuuuaaægkooʒjgnaæøaaeeiioorruusthaeooooyabbbcdddddeeeeefghhhhhiikkkllllmmmnnnnoooo' ~
        'pprrrrsssssttttuuuuuvvwwwwwxxyzzzhtwyſaaaaaaaaaaaaeeeeeeeeiioooooooooooouuuuuuuyyyy'
    -%}
    translate(regexp_replace({{ text }}, r'\p{Mn}', ''), '{{ accented }}', '{{ plain }}')
{%- endmacro %}

{#- A text as it is searched where words have no spaces between them: lower case, one code per letter. -#}
{% macro plain_letters(text) -%}
    lower({{ composed(text) }})
{%- endmacro %}

{#- True where one text occurs in another, letter by letter. -#}
{% macro occurs_in(part, text) -%}
    {{ return(adapter.dispatch('occurs_in', 'afterhype')(part, text)) }}
{%- endmacro %}

{% macro duckdb__occurs_in(part, text) -%}
    contains({{ text }}, {{ part }})
{%- endmacro %}

{% macro spark__occurs_in(part, text) -%}
    contains({{ text }}, {{ part }})
{%- endmacro %}

{#-
    A text in which whatever leads to a person is '[removed]': e-mail and web addresses, @handles,
    names at a messenger, and numbers of seven digits or more.
-#}
{% macro without_contacts(text) -%}
    {{ return(adapter.dispatch('without_contacts', 'afterhype')(text)) }}
{%- endmacro %}

{% macro duckdb__without_contacts(text) -%}
    {%- set ns = namespace(expression=text) -%}
    {%- for pattern in _contacts() -%}
        {%- set ns.expression = "regexp_replace(" ~ ns.expression ~ ", '" ~ pattern ~ "', '[removed]', 'gi')" -%}
    {%- endfor -%}
    {{ ns.expression }}
{%- endmacro %}

{#- Java's \b takes every script's letters for parts of words, and it names scripts otherwise. -#}
{% macro spark__without_contacts(text) -%}
    {%- set ns = namespace(expression=text) -%}
    {%- for pattern in _contacts() -%}
        {%- set here = pattern
            | replace('\\b[', '(?<![a-z0-9_])[')
            | replace(')\\b', ')(?![a-z0-9_])')
            | replace('\\p{Han}', '\\p{IsHan}')
            | replace('\\p{Hiragana}', '\\p{IsHiragana}')
            | replace('\\p{Katakana}', '\\p{IsKatakana}')
        -%}
        {%- set ns.expression = "regexp_replace(" ~ ns.expression ~ ", r'(?iu)" ~ here ~ "', '[removed]')" -%}
    {%- endfor -%}
    {{ ns.expression }}
{%- endmacro %}

{#- What leads to a person, as regular expressions in RE2's words, whatever the case of letters. -#}
{% macro _contacts() -%}
    {%- set not_in_address = '\\s\\p{Han}\\p{Hiragana}\\p{Katakana}、。，！？）' -%}
    {%- set path = '[^' ~ not_in_address ~ ']*[^' ~ not_in_address ~ ',.;:!?)]' -%}
    {%- set domain = '\\b[a-z0-9-]+([.][a-z0-9-]+)*[.](com|net|org|io|app|me|co|ly|gg|tv|jp|cn|tw|es|mx|ru)\\b' -%}
    {%- set messenger = '微信|wechat|weixin|whatsapp|telegram|line|qq|insta(gram)?|discord|snapchat|tiktok|kakao' -%}
    {{ return([
        '[\\p{L}\\p{N}._%+-]+[@＠][\\p{L}\\p{N}-]+([.．][\\p{L}\\p{N}-]+)+',
        '(https?://|www[.])' ~ path,
        domain ~ '(/(' ~ path ~ ')?)?',
        '[@＠][\\p{L}\\p{N}_.-]*[\\p{L}\\p{N}_]',
        '(' ~ messenger ~ ')\\s*(号|號|群|id|user)?\\s*[:：]\\s*[a-z0-9_.-]{3,}',
        '(微信|qq)\\s*(号|號|群)?\\s*[a-z0-9_-]{5,}',
        '[+]?[(（]?\\p{Nd}([\\s()（）.–-]{0,2}\\p{Nd}){6,}',
    ]) }}
{%- endmacro %}

{#- The beginning of a text up to the end of a word, with an ellipsis where something is left off. -#}
{% macro cut_at_word_end(text, most_letters) -%}
    {{ return(adapter.dispatch('cut_at_word_end', 'afterhype')(text, most_letters)) }}
{%- endmacro %}

{#- Where the last space lies in the first half, the text does without spaces and is cut at a letter. -#}
{% macro duckdb__cut_at_word_end(text, most_letters) -%}
    {%- set head = 'left_grapheme(' ~ text ~ ', ' ~ most_letters ~ ' + 1)' -%}
    {%- set whole_words = "regexp_replace(" ~ head ~ ", '[\\s\\p{P}]*\\s\\S*$', '')" -%}
    case
        when length_grapheme({{ text }}) <= {{ most_letters }} then {{ text }}
        when length_grapheme({{ whole_words }}) between {{ most_letters // 2 }} and {{ most_letters }}
            then {{ whole_words }} || '…'
        else left_grapheme({{ text }}, {{ most_letters }}) || '…'
    end
{%- endmacro %}

{% macro spark__cut_at_word_end(text, most_letters) -%}
    {%- set head = "regexp_extract(" ~ text ~ ", r'^\\X{0," ~ (most_letters + 1) ~ "}', 0)" -%}
    {%- set whole_words = "regexp_replace(" ~ head ~ ", r'[\\s\\p{P}]*\\s\\S*$', '')" -%}
    case
        when length(regexp_replace({{ text }}, r'\X', 'x')) <= {{ most_letters }} then {{ text }}
        when
            length(regexp_replace({{ whole_words }}, r'\X', 'x'))
            between {{ most_letters // 2 }} and {{ most_letters }}
            then concat({{ whole_words }}, '…')
        else concat(regexp_extract({{ text }}, r'^\X{0,{{ most_letters }}}', 0), '…')
    end
{%- endmacro %}
